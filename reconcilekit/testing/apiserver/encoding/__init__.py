"""How requests and answers are written: paths, media types, JSON as Go reads it, protobuf, YAML."""
