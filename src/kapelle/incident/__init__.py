"""The incident pack: evidence and decisions about incidents and changes, from any company folder of the known shape.

simulated_company/  the company folder that Kapelle ships; scenarios.yaml asks about it
company             a company's folder and its documents
rows, records       the rows of its data files, each with its exact span
simulation/         what its ticket, metrics and log systems answer; systems serves them over HTTP
client              asks such systems, simulated or real
citing, reference   tie what was read to the characters that show it
tools               the tools that read a company
tester              the manual tester: Swagger over the three systems
"""
