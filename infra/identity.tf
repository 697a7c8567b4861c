# Who calls functions on Google's behalf, and rights smaller than any role that Google offers.
# The accounts under which functions run are in modules/function.

locals {
  callers = {
    tasks     = "Cloud Tasks, calling plan-fanout, send-batch and export-events"
    events    = "Eventarc, calling on-notification-written and on-device-written"
    scheduler = "Cloud Scheduler, calling tick"
  }

  narrow_roles = {
    fanfareSender = {
      title       = "Fanfare: send pushes"
      permissions = ["cloudmessaging.messages.create"]
    }
    fanfareTokenSigner = {
      title       = "Fanfare: sign devices' tokens"
      permissions = ["iam.serviceAccounts.signBlob"]
    }
    fanfareAccountReader = {
      title       = "Fanfare: look accounts up"
      permissions = ["firebaseauth.users.get"]
    }
    fanfareAccountKeeper = {
      title       = "Fanfare: mark accounts as moderators"
      permissions = ["firebaseauth.users.get", "firebaseauth.users.update"]
    }
  }

  # Full names, which a plan must know before the roles exist.
  narrow = { for role in keys(local.narrow_roles) : role => "projects/${var.project}/roles/${role}" }
}

resource "google_service_account" "caller" {
  for_each = local.callers

  project      = google_firestore_database.default.project
  account_id   = "fanfare-${each.key}"
  display_name = each.value
}

resource "google_project_iam_member" "events_receiver" {
  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.caller["events"].member
}

resource "google_project_iam_custom_role" "narrow" {
  for_each = local.narrow_roles

  project     = google_firestore_database.default.project
  role_id     = each.key
  title       = each.value.title
  permissions = each.value.permissions
}
