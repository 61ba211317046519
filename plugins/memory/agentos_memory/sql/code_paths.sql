-- name: read_digests
-- What the files $2 of repository $1 held when they were indexed.
select path, sha256 from memory.file where repository_id = $1 and path = any($2::text[]);
