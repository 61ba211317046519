CREATE SCHEMA memory;
CREATE TABLE memory.chunk (
    repository_id bigint NOT NULL,
    path text NOT NULL,
    qualified_name text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    start_line integer NOT NULL,
    end_line integer NOT NULL,
    signature text NOT NULL,
    body text NOT NULL,
    embed_text text NOT NULL,
    digest text NOT NULL,
    name_text text NOT NULL,
    name_digest text NOT NULL,
    CONSTRAINT chunk_check CHECK ((end_line >= start_line)),
    CONSTRAINT chunk_digest_check CHECK ((length(digest) = 64)),
    CONSTRAINT chunk_name_digest_check CHECK ((length(name_digest) = 64)),
    CONSTRAINT chunk_start_line_check CHECK ((start_line > 0))
);
CREATE TABLE memory.edge (
    repository_id bigint NOT NULL,
    path text NOT NULL,
    line integer NOT NULL,
    source text NOT NULL,
    target_path text NOT NULL,
    target text NOT NULL,
    kind text NOT NULL,
    tier text NOT NULL,
    rule text NOT NULL,
    confidence real NOT NULL,
    CONSTRAINT edge_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
    CONSTRAINT edge_line_check CHECK ((line > 0))
);
CREATE TABLE memory.embedding (
    model_id text NOT NULL,
    digest text NOT NULL,
    vector public.halfvec(384) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT embedding_digest_check CHECK ((length(digest) = 64))
);
CREATE TABLE memory.file (
    repository_id bigint NOT NULL,
    path text NOT NULL,
    language text NOT NULL,
    module text NOT NULL,
    sha256 text,
    line_count integer NOT NULL,
    skip_reason text,
    skip_detail text,
    analyser text NOT NULL,
    facts bytea,
    CONSTRAINT file_check CHECK (((skip_reason IS NULL) OR (facts IS NULL))),
    CONSTRAINT file_line_count_check CHECK ((line_count >= 0)),
    CONSTRAINT file_path_check CHECK (((length(path) >= 1) AND (length(path) <= 1000))),
    CONSTRAINT file_sha256_check CHECK ((length(sha256) = 64))
);
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
    CONSTRAINT observation_digest_check CHECK ((length(digest) = 64)),
    CONSTRAINT observation_kind_check CHECK ((kind = ANY (ARRAY['decision'::text, 'discovery'::text, 'fix'::text, 'outcome'::text, 'question'::text])))
);
CREATE TABLE memory.repository (
    id bigint NOT NULL,
    name text NOT NULL,
    root text NOT NULL,
    commit text,
    generation bigint NOT NULL,
    indexed_at timestamp with time zone NOT NULL,
    CONSTRAINT repository_generation_check CHECK ((generation > 0)),
    CONSTRAINT repository_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT repository_root_check CHECK (((length(root) >= 1) AND (length(root) <= 4096)))
);
ALTER TABLE memory.repository ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME memory.repository_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE memory.symbol (
    repository_id bigint NOT NULL,
    path text NOT NULL,
    qualified_name text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    start_line integer NOT NULL,
    end_line integer NOT NULL,
    name_line integer NOT NULL,
    signature text NOT NULL,
    docstring text NOT NULL,
    parent text,
    CONSTRAINT symbol_check CHECK ((end_line >= start_line)),
    CONSTRAINT symbol_name_line_check CHECK ((name_line > 0)),
    CONSTRAINT symbol_start_line_check CHECK ((start_line > 0))
);
CREATE TABLE memory.unresolved_call (
    repository_id bigint NOT NULL,
    path text NOT NULL,
    line integer NOT NULL,
    caller text NOT NULL,
    callee text NOT NULL,
    receiver text,
    CONSTRAINT unresolved_call_line_check CHECK ((line > 0))
);
ALTER TABLE ONLY memory.embedding
    ADD CONSTRAINT embedding_pkey PRIMARY KEY (model_id, digest);
ALTER TABLE ONLY memory.file
    ADD CONSTRAINT file_pkey PRIMARY KEY (repository_id, path);
ALTER TABLE ONLY memory.observation
    ADD CONSTRAINT observation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY memory.observation
    ADD CONSTRAINT observation_position_key UNIQUE ("position");
ALTER TABLE ONLY memory.repository
    ADD CONSTRAINT repository_name_key UNIQUE (name);
ALTER TABLE ONLY memory.repository
    ADD CONSTRAINT repository_pkey PRIMARY KEY (id);
ALTER TABLE ONLY memory.repository
    ADD CONSTRAINT repository_root_key UNIQUE (root);
CREATE INDEX chunk_digest ON memory.chunk USING btree (digest);
CREATE INDEX chunk_file ON memory.chunk USING btree (repository_id, path);
CREATE INDEX chunk_name_digest ON memory.chunk USING btree (name_digest);
CREATE INDEX edge_file ON memory.edge USING btree (repository_id, path);
CREATE INDEX edge_target_file ON memory.edge USING btree (repository_id, target_path);
CREATE INDEX observation_digest ON memory.observation USING btree (digest);
CREATE INDEX observation_work_order ON memory.observation USING btree (work_order) WHERE (work_order IS NOT NULL);
CREATE INDEX symbol_file ON memory.symbol USING btree (repository_id, path);
CREATE INDEX unresolved_call_file ON memory.unresolved_call USING btree (repository_id, path);
ALTER TABLE ONLY memory.chunk
    ADD CONSTRAINT chunk_repository_id_path_fkey FOREIGN KEY (repository_id, path) REFERENCES memory.file(repository_id, path) ON DELETE CASCADE;
ALTER TABLE ONLY memory.edge
    ADD CONSTRAINT edge_repository_id_path_fkey FOREIGN KEY (repository_id, path) REFERENCES memory.file(repository_id, path) ON DELETE CASCADE;
ALTER TABLE ONLY memory.edge
    ADD CONSTRAINT edge_repository_id_target_path_fkey FOREIGN KEY (repository_id, target_path) REFERENCES memory.file(repository_id, path) ON DELETE CASCADE;
ALTER TABLE ONLY memory.file
    ADD CONSTRAINT file_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES memory.repository(id) ON DELETE CASCADE;
ALTER TABLE ONLY memory.symbol
    ADD CONSTRAINT symbol_repository_id_path_fkey FOREIGN KEY (repository_id, path) REFERENCES memory.file(repository_id, path) ON DELETE CASCADE;
ALTER TABLE ONLY memory.unresolved_call
    ADD CONSTRAINT unresolved_call_repository_id_path_fkey FOREIGN KEY (repository_id, path) REFERENCES memory.file(repository_id, path) ON DELETE CASCADE;
