/* module_fixture.c - a library of which there are several, all of one size, told apart by
 * their build-ids. */
int module_function(void);

int module_function(void)
{
    return VALUE;
}
