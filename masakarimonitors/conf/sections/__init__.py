"""The option tables, one module for each section: type, range, default and meaning of each option."""
