"""Results rendered: terminal, Markdown, HTML, JSON."""
