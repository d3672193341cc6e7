/*
 * source: where credentials come from, found as the AWS tools find it.
 *
 * The first of these that is there counts:
 *
 *     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     a role with a token file in the profile AWS_PROFILE ("default" if unset)
 *     AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE
 *     the profile in AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials)
 *     the profile in AWS_CONFIG_FILE (~/.aws/config)
 *     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI
 *     the machine's metadata service (version 2), unless AWS_EC2_METADATA_DISABLED is "true"
 *
 * Nothing but files is read here; whoever has to be asked is asked by renewal.h.
 */
#ifndef FILES_S3_SOURCE_H
#define FILES_S3_SOURCE_H

#include "files/s3/credentials.h"
#include "files/s3/profile.h"

/* Longest address of a service that gives credentials, in bytes, with its end. */
#define S3_SOURCE_URL_SIZE 2048

enum s3_source_kind {
    S3_SOURCE_VARIABLES, /* they are what they are until the process ends */
    S3_SOURCE_FILES,     /* may be read again */
    S3_SOURCE_WEB_IDENTITY,
    S3_SOURCE_CONTAINER,
    S3_SOURCE_METADATA,
};

struct s3_source {
    enum s3_source_kind kind;
    char url[S3_SOURCE_URL_SIZE]; /* whom to ask: STS, the container's, the machine's service */
    char token_file[S3_PATH_SIZE];     /* web identity, container: read anew each time; or "" */
    char authorization[S3_TOKEN_SIZE]; /* container: sent if there is no file; or "" */
    char role_arn[S3_ROLE_SIZE];
    char session_name[S3_SESSION_SIZE];
    bool implied; /* nobody named it: it may well not be there */
};

/*
 * Finds the source, and for variables and files the credentials too. `region` is where STS is
 * asked. ERROR_CONFIG says what is missing, and never holds a value.
 */
int s3_source_find(const char *region, struct s3_source *ret_source,
                   struct s3_credentials *ret_credentials, struct error *error);

/* The profile's region; "" if there is none. */
void s3_source_region(char ret_region[static S3_SESSION_SIZE]);

/* For messages: "web identity", "container", … */
const char *s3_source_name(const struct s3_source *source);

/* True if somebody has to be asked, and asked again before what was given expires. */
bool s3_source_is_asked(const struct s3_source *source);

/* The variable's value, NULL if it is unset or empty. */
const char *s3_source_variable(const char *name);

#endif
