# The project itself: what it is for, which of Google's services it uses, who did what in it.

locals {
  labels = {
    app         = "fanfare"
    environment = var.environment
  }
  keep = var.protect ? "PREVENT" : "DELETE"

  apis = toset(concat(var.web_risk ? ["webrisk.googleapis.com"] : [], [
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtasks.googleapis.com",
    "eventarc.googleapis.com",
    "eventarcpublishing.googleapis.com",
    "fcm.googleapis.com",
    "firebase.googleapis.com",
    "firebaseappcheck.googleapis.com",
    "firebasehosting.googleapis.com",
    "firebaserules.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "identitytoolkit.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com", # carries Eventarc's events
    "recaptchaenterprise.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "securetoken.googleapis.com", # renews people's sign-in
    "storage.googleapis.com",
  ]))
}

# Another environment, or another project, over the same state would replace this, and may not.
resource "terraform_data" "claim" {
  triggers_replace = "${var.environment} in ${var.project}"

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_project_service" "api" {
  for_each = local.apis

  project            = var.project
  service            = each.value
  disable_on_destroy = false

  depends_on = [terraform_data.claim]
}

# Who changed the setup, and who read a secret or an account. Reads and writes of Firestore are not
# logged: there are millions, and the functions' own history says who did what to a notification.
resource "google_project_iam_audit_config" "changes" {
  project = var.project
  service = "allServices"

  audit_log_config {
    log_type = "ADMIN_READ"
  }

  depends_on = [google_firestore_database.default]
}

resource "google_project_iam_audit_config" "secrets_and_accounts" {
  for_each = toset(["secretmanager.googleapis.com", "identitytoolkit.googleapis.com", "iam.googleapis.com"])

  project = var.project
  service = each.value

  audit_log_config {
    log_type = "DATA_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }

  depends_on = [google_firestore_database.default]
}
