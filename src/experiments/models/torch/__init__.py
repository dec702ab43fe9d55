"""The recurrent network on torch's fused layers."""
