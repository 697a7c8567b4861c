# The panel: where it is served, who signs in to it, and how an app proves what it is.
# What is served is put there by `firebase deploy --only hosting`.

locals {
  panel_site = coalesce(var.panel_site, "${substr(var.project, 0, 24)}-panel")
  panel_hosts = concat(
    ["${local.panel_site}.web.app", "${local.panel_site}.firebaseapp.com"],
    sort(var.panel_domains),
  )
  panel_origins = [for host in local.panel_hosts : "https://${host}"]
}

resource "google_firebase_project" "this" {
  provider = google-beta

  project = google_firestore_database.default.project
}

resource "google_firebase_web_app" "panel" {
  provider = google-beta

  project         = google_firebase_project.this.project
  display_name    = "Fanfare panel"
  deletion_policy = "DELETE"
}

# What the panel's page needs to know. Nothing of it is secret: an API key of Firebase names the
# project, it does not open it.
data "google_firebase_web_app_config" "panel" {
  provider = google-beta

  project    = google_firebase_project.this.project
  web_app_id = google_firebase_web_app.panel.app_id
}

resource "google_firebase_hosting_site" "panel" {
  provider = google-beta

  project = google_firebase_project.this.project
  site_id = local.panel_site
  app_id  = google_firebase_web_app.panel.app_id
}

# A device's first sign-in with its custom token is a sign-up too, so that must stay open. An account
# that nobody made a provider, moderator or operator can do nothing.
resource "google_identity_platform_config" "accounts" {
  project                    = google_firebase_project.this.project
  autodelete_anonymous_users = true
  authorized_domains         = distinct(concat(local.panel_hosts, ["${var.project}.firebaseapp.com"])) # where links set passwords

  sign_in {
    allow_duplicate_emails = false

    anonymous {
      enabled = false
    }
    email {
      enabled           = true
      password_required = true
    }
  }

  client {
    permissions {
      disabled_user_signup   = false
      disabled_user_deletion = true
    }
  }

  # Offered to everybody; of whom it is demanded the doors decide (FANFARE_MFA). MANDATORY would be
  # demanded of providers as well, and of devices, which have none to give.
  mfa {
    state             = length(var.mfa_factors) > 0 ? "ENABLED" : "DISABLED"
    enabled_providers = contains(var.mfa_factors, "sms") ? ["PHONE_SMS"] : null
    provider_configs {
      state = contains(var.mfa_factors, "totp") ? "ENABLED" : "DISABLED"
      totp_provider_config {
        adjacent_intervals = 1
      }
    }
  }
}

resource "google_recaptcha_enterprise_key" "panel" {
  project      = google_firebase_project.this.project
  display_name = "Fanfare panel"

  web_settings {
    integration_type  = "SCORE"
    allow_all_domains = false
    allowed_domains   = local.panel_hosts
  }
}

resource "google_firebase_app_check_recaptcha_enterprise_config" "panel" {
  project   = google_firebase_project.this.project
  app_id    = google_firebase_web_app.panel.app_id
  site_key  = google_recaptcha_enterprise_key.panel.name
  token_ttl = "3600s"
}

resource "google_firebase_app_check_service_config" "checked" {
  for_each = toset(["firestore.googleapis.com", "identitytoolkit.googleapis.com"])

  project          = google_firebase_project.this.project
  service_id       = each.value
  enforcement_mode = var.app_check_enforced ? "ENFORCED" : "UNENFORCED"
}
