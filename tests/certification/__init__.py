"""What the OpenID Foundation's conformance suite asks of this server, plan by plan, module by module."""
