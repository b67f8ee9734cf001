"""Glue's crawlers: `service` answers StartCrawler and StopCrawler and sends the events; `crawl` is one crawl.

`settings` says what a crawl is to do; `paths` and `schema_inference` are its rules, pure.
"""
