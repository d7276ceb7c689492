"""Users in a directory, by LDAP: OpenLDAP and its like, or Active Directory."""
