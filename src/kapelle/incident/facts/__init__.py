"""What a company's own files say, as typed facts with their exact spans: policies, rota, channels, pipelines,
records.
"""
