"""The `wcz` command line: one file a verb. Nothing else in wcodec imports this."""
