"""A Gateway API controller that programs Envoy: from one view of the cluster to one whole snapshot.

The way of the data, each stop one module: `reads` (what is looked up), `model` (typed views of the objects),
`attachment` (which route belongs to which listener), `routing`, `backends`, `tls`, `tokens` (what they come to),
`rendering` (Envoy's resources), `snapshot` (the whole, checked), `statuses` (what is said about it);
`translate` runs them in this order. All of it is pure: no clock, no network, no cluster.
"""
