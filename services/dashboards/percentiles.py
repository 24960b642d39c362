"""Within what time most was done."""

NO_TRAFFIC = "geen verkeer in de afgelopen vijf minuten"
P95 = "histogram_quantile(0.95, sum by ({by}, le) (rate({name}_bucket[5m]))) >= 0"
"""Within what time 95% was done, in the five minutes before; absent where nothing was done."""
