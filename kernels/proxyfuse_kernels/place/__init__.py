"""Drafted tokens to the places where later operations read them: exact."""
