"""The report: its page, tables and figures."""
