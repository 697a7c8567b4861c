# A project to try things in: nothing is protected, nothing is kept warm.
environment = "dev"
project     = "fanfare-dev"
protect     = false
