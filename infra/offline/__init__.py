"""Terraform without a cloud, a registry or credentials: providers that know the real schema.

``python -m infra.offline validate`` (or ``plan``, ``test`` …) runs Terraform unchanged against
providers of ours. They serve the schema that Google publishes, check what it says, plan as the real
ones do as far as a plan can be told from the configuration, and reach nothing.
"""
