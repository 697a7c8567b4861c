"""Terraform without a cloud, a registry or credentials: providers that know the real schema.

``python -m infra.offline validate`` (or ``plan``, ``test`` …) runs Terraform unchanged against the
providers of this package. They serve the schema that Google publishes, check against it, plan as
the real providers do as far as the configuration determines a plan, and reach nothing.
"""
