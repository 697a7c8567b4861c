"""Huawei Push Kit: what it is sent, and what its answers mean."""
