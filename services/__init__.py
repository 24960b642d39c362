"""The services of Koikarper, each with its own composition root (`app.build`)."""
