output "member" {
  description = "The function's own account, as IAM names it."
  value       = google_service_account.runtime.member
}

output "uri" {
  description = "Its address on Cloud Run."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}
