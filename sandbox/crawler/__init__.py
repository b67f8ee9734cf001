"""Glue's crawlers: `service` answers StartCrawler and StopCrawler and sends events; `crawl` is one crawl.

`settings` are a crawler's settings; `paths` and `schema_inference` are its rules, as pure functions.
"""
