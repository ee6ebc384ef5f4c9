"""The demo's stage: backends, certificates, steady traffic, Envoy's access log, and what is shown at the end."""
