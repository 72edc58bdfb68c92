"""What W&B shows of a project's runs: a view for every task, and a report of all of them."""
