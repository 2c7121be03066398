"""Pages and sitemaps over HTTP, of one host and nowhere else."""

from befit.knowledge.sources.web.site import WebSite

__all__ = ["WebSite"]
