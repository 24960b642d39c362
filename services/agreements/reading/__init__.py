"""The agreements file, section by section: from YAML nodes, which know their line and column, to the model."""
