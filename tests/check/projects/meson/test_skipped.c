/* Says to meson that it was skipped. */
int main(void)
{
    return 77;
}
