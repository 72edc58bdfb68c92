"""Tasks: data, models and measures behind one contract, and the one LightningModule that trains them."""
