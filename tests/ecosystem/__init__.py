"""AMTO with other libraries: the examples of docs/ecosystem.md, as they are."""
