# The push services besides FCM, which needs no secret: functions show it their own accounts. An entry
# here is all of a service that is in these files.

locals {
  senders = ["send-batch", "provider-api"] # the functions that speak to push services

  # What a service is called in our logs; its secret, the variable that holds it, and who may read it.
  push_services = {
    apns = { log_name = "APNs", secret = "apns-credentials", variable = "FANFARE_APNS_CREDENTIALS", read_by = local.senders }
    hms  = { log_name = "HMS", secret = "hms-credentials", variable = "FANFARE_HMS_CREDENTIALS", read_by = local.senders }
  }

  push_log_names = concat(["FCM"], values(local.push_services)[*].log_name)
  sender_logs    = "resource.labels.service_name=(${join(" OR ", formatlist("\"%s\"", local.senders))})"
}
