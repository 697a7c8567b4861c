output "member" {
  description = "The function's own account, as IAM names it."
  value       = google_service_account.runtime.member
}

output "account_id" {
  description = "The number of the function's own account, which tokens name as their subject."
  value       = google_service_account.runtime.unique_id
}
