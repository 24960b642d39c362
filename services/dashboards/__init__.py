"""The dashboards as code: a pure function from the agreements to what Grafana is given."""
