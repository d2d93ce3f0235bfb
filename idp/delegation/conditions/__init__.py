"""Under which conditions proxy logins may begin: reasons, hours, networks, how many, how fresh a sign-in."""
