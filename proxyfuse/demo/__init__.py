"""The embedded demo trio: its weights, the text and the sums it is judged by."""
