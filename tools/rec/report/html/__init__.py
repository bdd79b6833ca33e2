"""One self-contained page: prose in two languages, tables, and plots as SVG."""
