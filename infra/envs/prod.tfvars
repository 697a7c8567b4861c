# The project that providers use. Put your own names here.
environment  = "prod"
project      = "fanfare-prod"
alert_emails = ["oncall@fanfare.example"]

# No cold start where a person waits for the answer.
warm_instances = {
  provider-api = 1
  device-api   = 1
}
