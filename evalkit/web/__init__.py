"""The chat as a page in the browser, on this machine."""
