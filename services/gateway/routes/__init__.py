"""The calls of contract 3, one module per thing that is called upon."""
