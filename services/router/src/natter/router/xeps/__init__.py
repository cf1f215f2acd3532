"""The router's share of each XEP: what the server says about itself."""
