"""A shop's log as one table: users, items, numbers, histories that grow by clicks, and the truth behind the labels."""
