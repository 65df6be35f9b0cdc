"""A two-container model in production: its versions, the pipeline that creates them, and an endpoint that serves them.

Other packages import individual modules, so that listing versions does not load pandas, scipy or pyarrow.
"""
