CREATE SCHEMA memory;
CREATE TABLE memory.content (
    id bigint NOT NULL,
    key text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    line_count integer NOT NULL,
    symbol_count integer NOT NULL,
    chunk_count integer NOT NULL,
    symbols bytea NOT NULL,
    chunks bytea NOT NULL,
    facts bytea,
    outline bytea,
    CONSTRAINT content_chunk_count_check CHECK ((chunk_count >= 0)),
    CONSTRAINT content_key_check CHECK ((length(key) = 64)),
    CONSTRAINT content_line_count_check CHECK ((line_count >= 0)),
    CONSTRAINT content_symbol_count_check CHECK ((symbol_count >= 0))
);
ALTER TABLE ONLY memory.content ALTER COLUMN symbols SET STORAGE EXTERNAL;
ALTER TABLE ONLY memory.content ALTER COLUMN chunks SET STORAGE EXTERNAL;
ALTER TABLE ONLY memory.content ALTER COLUMN facts SET STORAGE EXTERNAL;
ALTER TABLE ONLY memory.content ALTER COLUMN outline SET STORAGE EXTERNAL;
ALTER TABLE memory.content ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME memory.content_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE memory.embedding (
    model_id text NOT NULL,
    digest text NOT NULL,
    vector public.halfvec NOT NULL,
    created_at timestamp with time zone NOT NULL,
    "position" bigint NOT NULL,
    CONSTRAINT embedding_digest_check CHECK ((length(digest) = 64))
);
CREATE TABLE memory.embedding_model (
    model_id text NOT NULL,
    dimension integer NOT NULL,
    settings jsonb NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT embedding_model_dimension_check CHECK (((dimension >= 1) AND (dimension <= 16000))),
    CONSTRAINT embedding_model_model_id_check CHECK (((length(model_id) >= 1) AND (length(model_id) <= 240))),
    CONSTRAINT embedding_model_state_check CHECK ((state = ANY (ARRAY['building'::text, 'serving'::text, 'retired'::text])))
);
ALTER TABLE memory.embedding ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME memory.embedding_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE memory.embedding_progress (
    scope text NOT NULL,
    model_id text NOT NULL,
    version bigint NOT NULL,
    names_total integer NOT NULL,
    names_done integer NOT NULL,
    bodies_total integer NOT NULL,
    bodies_done integer NOT NULL,
    n_unreadable integer NOT NULL,
    is_complete boolean NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT embedding_progress_bodies_total_check CHECK ((bodies_total >= 0)),
    CONSTRAINT embedding_progress_check CHECK (((names_done >= 0) AND (names_done <= names_total))),
    CONSTRAINT embedding_progress_check1 CHECK (((bodies_done >= 0) AND (bodies_done <= bodies_total))),
    CONSTRAINT embedding_progress_n_unreadable_check CHECK ((n_unreadable >= 0)),
    CONSTRAINT embedding_progress_names_total_check CHECK ((names_total >= 0)),
    CONSTRAINT embedding_progress_scope_check CHECK (((length(scope) >= 1) AND (length(scope) <= 200)))
);
CREATE TABLE memory.file (
    repository_id bigint NOT NULL,
    path text NOT NULL,
    language text NOT NULL,
    module text NOT NULL,
    sha256 text,
    skip_reason text,
    skip_detail text,
    analyser text NOT NULL,
    content_id bigint,
    CONSTRAINT file_check CHECK (((content_id IS NULL) = (skip_reason IS NOT NULL))),
    CONSTRAINT file_path_check CHECK (((length(path) >= 1) AND (length(path) <= 1000))),
    CONSTRAINT file_sha256_check CHECK ((length(sha256) = 64))
);
CREATE TABLE memory.file_rename (
    repository_id bigint NOT NULL,
    generation bigint NOT NULL,
    old_path text NOT NULL,
    new_path text NOT NULL,
    renamed_at timestamp with time zone NOT NULL,
    CONSTRAINT file_rename_generation_check CHECK ((generation > 0))
);
CREATE TABLE memory.graph_file (
    repository_id bigint NOT NULL,
    path text NOT NULL,
    content_id bigint NOT NULL,
    edge_count integer NOT NULL,
    digest text NOT NULL,
    relations bytea NOT NULL,
    CONSTRAINT graph_file_digest_check CHECK ((length(digest) = 64)),
    CONSTRAINT graph_file_edge_count_check CHECK ((edge_count >= 0)),
    CONSTRAINT graph_file_path_check CHECK (((length(path) >= 1) AND (length(path) <= 1000)))
);
ALTER TABLE ONLY memory.graph_file ALTER COLUMN relations SET STORAGE EXTERNAL;
CREATE TABLE memory.knowledge (
    repository_id bigint NOT NULL,
    indexed_at timestamp with time zone NOT NULL,
    extractors text NOT NULL,
    build bigint NOT NULL,
    commit text,
    history_commit text,
    history bytea NOT NULL,
    paths bytea NOT NULL,
    skipped jsonb NOT NULL,
    built_at timestamp with time zone NOT NULL,
    CONSTRAINT knowledge_build_check CHECK ((build > 0)),
    CONSTRAINT knowledge_commit_check CHECK (((length(commit) >= 1) AND (length(commit) <= 64))),
    CONSTRAINT knowledge_history_commit_check CHECK (((length(history_commit) >= 1) AND (length(history_commit) <= 64)))
);
ALTER TABLE ONLY memory.knowledge ALTER COLUMN history SET STORAGE EXTERNAL;
ALTER TABLE ONLY memory.knowledge ALTER COLUMN paths SET STORAGE EXTERNAL;
CREATE TABLE memory.knowledge_file (
    repository_id bigint NOT NULL,
    path text NOT NULL,
    sha256 text NOT NULL,
    entity_count integer NOT NULL,
    edge_count integer NOT NULL,
    extraction bytea,
    blame bytea,
    CONSTRAINT knowledge_file_edge_count_check CHECK ((edge_count >= 0)),
    CONSTRAINT knowledge_file_entity_count_check CHECK ((entity_count >= 0)),
    CONSTRAINT knowledge_file_path_check CHECK (((length(path) >= 1) AND (length(path) <= 1000))),
    CONSTRAINT knowledge_file_sha256_check CHECK ((length(sha256) = 64))
);
ALTER TABLE ONLY memory.knowledge_file ALTER COLUMN extraction SET STORAGE EXTERNAL;
ALTER TABLE ONLY memory.knowledge_file ALTER COLUMN blame SET STORAGE EXTERNAL;
CREATE TABLE memory.observation (
    id text NOT NULL,
    "position" bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    work_order text,
    kind text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    tags text[] NOT NULL,
    refs jsonb NOT NULL,
    supersedes text,
    superseded_by text,
    digest text NOT NULL,
    outcome text,
    origin jsonb,
    CONSTRAINT observation_digest_check CHECK ((length(digest) = 64)),
    CONSTRAINT observation_kind_check CHECK ((kind = ANY (ARRAY['decision'::text, 'discovery'::text, 'fix'::text, 'outcome'::text, 'question'::text]))),
    CONSTRAINT observation_outcome_check CHECK ((outcome = ANY (ARRAY['worked'::text, 'dead_end'::text, 'refuted'::text])))
);
CREATE TABLE memory.reference_section (
    id bigint NOT NULL,
    source_id bigint NOT NULL,
    "position" integer NOT NULL,
    anchor text NOT NULL,
    title text NOT NULL,
    headings text[] NOT NULL,
    text text NOT NULL,
    summary text NOT NULL,
    path text NOT NULL,
    start_line integer,
    end_line integer,
    page integer,
    digest text NOT NULL,
    CONSTRAINT reference_section_anchor_check CHECK (((length(anchor) >= 3) AND (length(anchor) <= 2000))),
    CONSTRAINT reference_section_check CHECK (((start_line IS NULL) OR ((start_line > 0) AND (end_line >= start_line)))),
    CONSTRAINT reference_section_digest_check CHECK ((length(digest) = 64)),
    CONSTRAINT reference_section_page_check CHECK ((page > 0)),
    CONSTRAINT reference_section_position_check CHECK (("position" >= 0))
);
ALTER TABLE memory.reference_section ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME memory.reference_section_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE memory.reference_source (
    id bigint NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    title text NOT NULL,
    path text NOT NULL,
    sha256 text NOT NULL,
    reader text NOT NULL,
    size_bytes bigint NOT NULL,
    notices text[] NOT NULL,
    section_count integer NOT NULL,
    version bigint NOT NULL,
    is_removed boolean DEFAULT false NOT NULL,
    added_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT reference_source_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT reference_source_section_count_check CHECK ((section_count >= 0)),
    CONSTRAINT reference_source_sha256_check CHECK ((length(sha256) = 64)),
    CONSTRAINT reference_source_size_bytes_check CHECK ((size_bytes >= 0)),
    CONSTRAINT reference_source_version_check CHECK ((version > 0))
);
ALTER TABLE memory.reference_source ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME memory.reference_source_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE memory.refinement_progress (
    repository_id bigint NOT NULL,
    graph_generation bigint NOT NULL,
    servers text NOT NULL,
    done_count integer NOT NULL,
    waiting_count integer NOT NULL,
    failure text,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT refinement_progress_done_count_check CHECK ((done_count >= 0)),
    CONSTRAINT refinement_progress_graph_generation_check CHECK ((graph_generation > 0)),
    CONSTRAINT refinement_progress_waiting_count_check CHECK ((waiting_count >= 0))
);
CREATE TABLE memory.repository (
    id bigint NOT NULL,
    name text NOT NULL,
    root text NOT NULL,
    commit text,
    generation bigint NOT NULL,
    indexed_at timestamp with time zone NOT NULL,
    graph_generation bigint,
    resolver text,
    left_out bytea,
    refinement bigint DEFAULT 0 NOT NULL,
    CONSTRAINT repository_check CHECK (((graph_generation >= 1) AND (graph_generation <= generation))),
    CONSTRAINT repository_check1 CHECK (((graph_generation IS NULL) = (resolver IS NULL))),
    CONSTRAINT repository_generation_check CHECK ((generation > 0)),
    CONSTRAINT repository_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT repository_refinement_check CHECK ((refinement >= 0)),
    CONSTRAINT repository_root_check CHECK (((length(root) >= 1) AND (length(root) <= 4096)))
);
ALTER TABLE ONLY memory.repository ALTER COLUMN left_out SET STORAGE EXTERNAL;
ALTER TABLE memory.repository ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME memory.repository_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE memory.section_summary (
    digest text NOT NULL,
    model text NOT NULL,
    text text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT section_summary_digest_check CHECK ((length(digest) = 64)),
    CONSTRAINT section_summary_model_check CHECK (((length(model) >= 1) AND (length(model) <= 200))),
    CONSTRAINT section_summary_text_check CHECK ((length(text) <= 4000))
);
CREATE TABLE memory.server_answer (
    repository_id bigint NOT NULL,
    content_id bigint NOT NULL,
    site_count integer NOT NULL,
    answers bytea NOT NULL,
    answered_at timestamp with time zone NOT NULL,
    CONSTRAINT server_answer_site_count_check CHECK ((site_count > 0))
);
ALTER TABLE ONLY memory.server_answer ALTER COLUMN answers SET STORAGE EXTERNAL;
ALTER TABLE ONLY memory.content
    ADD CONSTRAINT content_key_key UNIQUE (key);
ALTER TABLE ONLY memory.content
    ADD CONSTRAINT content_pkey PRIMARY KEY (id);
ALTER TABLE ONLY memory.embedding_model
    ADD CONSTRAINT embedding_model_pkey PRIMARY KEY (model_id);
ALTER TABLE ONLY memory.embedding
    ADD CONSTRAINT embedding_pkey PRIMARY KEY (model_id, digest);
ALTER TABLE ONLY memory.embedding_progress
    ADD CONSTRAINT embedding_progress_pkey PRIMARY KEY (scope, model_id);
ALTER TABLE ONLY memory.file
    ADD CONSTRAINT file_pkey PRIMARY KEY (repository_id, path);
ALTER TABLE ONLY memory.file_rename
    ADD CONSTRAINT file_rename_pkey PRIMARY KEY (repository_id, generation, old_path);
ALTER TABLE ONLY memory.graph_file
    ADD CONSTRAINT graph_file_pkey PRIMARY KEY (repository_id, path);
ALTER TABLE ONLY memory.knowledge_file
    ADD CONSTRAINT knowledge_file_pkey PRIMARY KEY (repository_id, path);
ALTER TABLE ONLY memory.knowledge
    ADD CONSTRAINT knowledge_pkey PRIMARY KEY (repository_id);
ALTER TABLE ONLY memory.observation
    ADD CONSTRAINT observation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY memory.observation
    ADD CONSTRAINT observation_position_key UNIQUE ("position");
ALTER TABLE ONLY memory.reference_section
    ADD CONSTRAINT reference_section_anchor_key UNIQUE (anchor);
ALTER TABLE ONLY memory.reference_section
    ADD CONSTRAINT reference_section_pkey PRIMARY KEY (id);
ALTER TABLE ONLY memory.reference_source
    ADD CONSTRAINT reference_source_name_key UNIQUE (name);
ALTER TABLE ONLY memory.reference_source
    ADD CONSTRAINT reference_source_pkey PRIMARY KEY (id);
ALTER TABLE ONLY memory.refinement_progress
    ADD CONSTRAINT refinement_progress_pkey PRIMARY KEY (repository_id);
ALTER TABLE ONLY memory.repository
    ADD CONSTRAINT repository_name_key UNIQUE (name);
ALTER TABLE ONLY memory.repository
    ADD CONSTRAINT repository_pkey PRIMARY KEY (id);
ALTER TABLE ONLY memory.repository
    ADD CONSTRAINT repository_root_key UNIQUE (root);
ALTER TABLE ONLY memory.section_summary
    ADD CONSTRAINT section_summary_pkey PRIMARY KEY (digest, model);
ALTER TABLE ONLY memory.server_answer
    ADD CONSTRAINT server_answer_pkey PRIMARY KEY (repository_id, content_id);
CREATE UNIQUE INDEX embedding_model_building ON memory.embedding_model USING btree (state) WHERE (state = 'building'::text);
CREATE UNIQUE INDEX embedding_model_serving ON memory.embedding_model USING btree (state) WHERE (state = 'serving'::text);
CREATE INDEX embedding_position ON memory.embedding USING btree (model_id, "position");
CREATE INDEX file_content ON memory.file USING btree (content_id);
CREATE INDEX graph_file_content ON memory.graph_file USING btree (content_id);
CREATE INDEX observation_digest ON memory.observation USING btree (digest);
CREATE INDEX observation_origin ON memory.observation USING btree (((origin ->> 'id'::text))) WHERE (origin IS NOT NULL);
CREATE INDEX observation_refs ON memory.observation USING gin (refs jsonb_path_ops);
CREATE INDEX observation_work_order ON memory.observation USING btree (work_order) WHERE (work_order IS NOT NULL);
CREATE INDEX reference_section_digest ON memory.reference_section USING btree (digest);
CREATE INDEX reference_section_source ON memory.reference_section USING btree (source_id, "position");
CREATE INDEX server_answer_content ON memory.server_answer USING btree (content_id);
ALTER TABLE ONLY memory.embedding_progress
    ADD CONSTRAINT embedding_progress_model_id_fkey FOREIGN KEY (model_id) REFERENCES memory.embedding_model(model_id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.file
    ADD CONSTRAINT file_content_id_fkey FOREIGN KEY (content_id) REFERENCES memory.content(id);
ALTER TABLE ONLY memory.file_rename
    ADD CONSTRAINT file_rename_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES memory.repository(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.file
    ADD CONSTRAINT file_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES memory.repository(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.graph_file
    ADD CONSTRAINT graph_file_content_id_fkey FOREIGN KEY (content_id) REFERENCES memory.content(id);
ALTER TABLE ONLY memory.graph_file
    ADD CONSTRAINT graph_file_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES memory.repository(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.knowledge_file
    ADD CONSTRAINT knowledge_file_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES memory.repository(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.knowledge
    ADD CONSTRAINT knowledge_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES memory.repository(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.reference_section
    ADD CONSTRAINT reference_section_source_id_fkey FOREIGN KEY (source_id) REFERENCES memory.reference_source(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.refinement_progress
    ADD CONSTRAINT refinement_progress_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES memory.repository(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.server_answer
    ADD CONSTRAINT server_answer_content_id_fkey FOREIGN KEY (content_id) REFERENCES memory.content(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.server_answer
    ADD CONSTRAINT server_answer_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES memory.repository(id) ON DELETE CASCADE;
