-- name: list_generations
-- Every repository whose graph is there, with the graph's generation.
select id, root, graph_generation from memory.repository where graph_generation is not null;

-- name: read_relations
-- What was resolved in each file of the graph of repository $1.
select path, relations from memory.graph_file where repository_id = $1;
