"""The incident pack: evidence and decisions about incidents and changes, from any company folder of the known shape.

simulated_company/  the company folder that Kapelle ships; scenarios.yaml asks about it
company             a company folder and its documents
systems             its ticket, metrics and log systems over real HTTP
client, tools       the tools that read them
tester              the manual tester: Swagger over the three systems
"""
