"""Evidence: blobs, gates, signed packets and their verification."""
