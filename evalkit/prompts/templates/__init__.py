"""Chat templates, rendered within bounds in a process of their own."""

from ._render import TEMPLATE_DATE, TemplateFailedError, render_template

__all__ = ["TEMPLATE_DATE", "TemplateFailedError", "render_template"]
