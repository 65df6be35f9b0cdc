"""What tests share: programs started, data and submissions made, servers and browsers driven."""
