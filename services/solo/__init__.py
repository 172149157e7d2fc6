"""Everything in one process on the embedded forms: one machine, one data folder, no servers."""
