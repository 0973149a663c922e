"""How people write things, the same for policies and questions: quantities, moments, severities, flags,
concepts, outlines.
"""
