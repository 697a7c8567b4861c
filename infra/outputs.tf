output "gateway" {
  description = "Where people and devices find every public function, by its name as the first part of the path."
  value       = "https://${local.gateway}"
}

output "functions" {
  description = "Where each function answers by itself."
  value       = local.addresses
}

output "panel" {
  description = "Where the panel is served, and what its page needs to know."
  value = {
    origins = local.panel_origins
    site    = google_firebase_hosting_site.panel.site_id
    config = {
      apiKey            = data.google_firebase_web_app_config.panel.api_key
      appId             = google_firebase_web_app.panel.app_id
      authDomain        = data.google_firebase_web_app_config.panel.auth_domain
      messagingSenderId = data.google_firebase_web_app_config.panel.messaging_sender_id
      projectId         = var.project
    }
    appCheckSiteKey = google_recaptcha_enterprise_key.panel.name
  }
}

output "bundle" {
  description = "Which archive is deployed."
  value       = google_storage_bucket_object.bundle.name
}

output "archive_role" {
  description = "The role in AWS, if there is one."
  value       = one(aws_iam_role.archive[*].arn)
}
