"""The record of each host, and what is said of it by one table: classified, told, kept; pure."""
